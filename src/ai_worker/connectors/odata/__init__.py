"""OData 2.0 and 4.0: what SAP, Dynamics, Business One and many .NET systems speak."""
